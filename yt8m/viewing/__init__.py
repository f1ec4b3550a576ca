"""Pictures of records: one video (`yt8m show`), and all of them (`yt8m inspect --plots`)."""
