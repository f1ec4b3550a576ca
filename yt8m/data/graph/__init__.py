"""Parses records as TensorFlow graph code, for data services and exported models. Everything else reads by `yt8m.data.engine`."""
