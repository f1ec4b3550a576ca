"""Why a run learns nothing, or is slow: looked at before it is trained."""
