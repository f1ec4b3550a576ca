"""A dispatcher and two workers in one process, which starts in a third of the time; test_service.py starts it and kills it."""

import threading

import tensorflow as tf

api = tf.data.experimental.service
dispatcher = api.DispatchServer()
address = dispatcher.target.partition("://")[2]
workers = [api.WorkerServer(api.WorkerConfig(dispatcher_address=address)) for _ in range(2)]
print(address, flush=True)
threading.Event().wait()
