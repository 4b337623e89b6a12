"""`driftgauge demo`: real flights through a real daemon, on a broker inside the process that shows them.

flights ──replay──▶ embedded broker ──▶ daemon, a process of its own ──log──▶ episodes ──▶ screen, verdict

With `--produce-only` the flights go to a broker that is there already, and others watch.
"""
