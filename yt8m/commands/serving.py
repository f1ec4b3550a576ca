"""The command `data-service`, which serves training records."""

from typing import Annotated, Literal

from yt8m.commands.flags import Json, print_json, shown
from yt8m.commands.streams import show
from yt8m.errors import OK
from yt8m.values import LARGEST_PORT, PositiveInt, Range


def data_service(
    role: Literal["both", "dispatcher", "worker"] = "both",
    num_workers: PositiveInt = 2,
    port: Annotated[int, Range(least=0, most=LARGEST_PORT)] = 5050,
    host: Annotated[str, shown("HOST", "(default: localhost; of workers, their address towards the dispatcher)")] = "",
    dispatcher: Annotated[str, shown("HOST:PORT", "(needed with --role worker)")] = "",
    work_dir: Annotated[str, shown("DIR", "(default: no journal)")] = "",
    json: Json = False,
) -> int:
    """Read and parse records for training on this machine or others: a tf.data service.

    Example: yt8m data-service --num-workers 2

    The service runs until Ctrl-C or SIGTERM. Anyone who can reach its ports can use it.

    Args:
        role: Start the dispatcher, whose address training takes; the workers, which read and parse; or both.
        num_workers: Number of processes that read and parse. A process that ends is started again.
        port: The port of the dispatcher. The workers use the ports after it. 0 = any free ports.
        host: The name by which other machines reach this one.
        dispatcher: The address that a dispatcher elsewhere printed.
        work_dir: A directory for the dispatcher's journal, from which a restart resumes. The workers must be able to read it.
        json: Print one JSON object.
    """
    from yt8m.commands.watching import WorkProgress
    from yt8m.data.service.servers import Servers

    with Servers(role, num_workers, host, port, dispatcher, work_dir, WorkProgress()) as servers:
        if json:
            print_json({"dispatcher": servers.dispatcher, "workers": servers.workers})
        else:
            workers = f"workers {', '.join(servers.workers)}" if servers.workers else "no workers here"
            show(f"ready: yt8m train RECIPE --data.service {servers.dispatcher} ...  ({workers}; Ctrl-C ends it)")
        servers.keep_running()
    return OK
