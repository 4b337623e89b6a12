"""What driftgauge concluded, as messages: structured CloudEvents with ids that a consumer can rely on."""
