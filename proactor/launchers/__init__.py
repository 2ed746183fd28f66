"""What starts processors somewhere, and the listening sockets that they are handed."""
