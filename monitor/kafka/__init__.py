"""The edge towards Kafka: the source of events, and the embedded broker of the demo and the tests."""
