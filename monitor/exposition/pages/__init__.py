"""Pages for people: the status page of the daemon, the same as JSON, and the report of a replay.

    views ──▶ document (plain data, with a schema) ──▶ HTML (one file, no outside resource, no script needed)

Names of models and features are other people's words: everything is escaped where it becomes markup, in one place.
"""
