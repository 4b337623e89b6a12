"""Alerts straight to Alertmanager, for places without a Prometheus; off by default."""
