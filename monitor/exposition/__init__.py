"""What Prometheus sees: metric families, the board they are read from, rendering, the HTTP server, alert rules."""
