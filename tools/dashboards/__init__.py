"""Writes Grafana's dashboards from what they are to show:  python -m tools.dashboards deploy/grafana/dashboards"""
