"""What is added to Twisted's reactor: clocks and timers, tasks that go on, and how late it is."""
