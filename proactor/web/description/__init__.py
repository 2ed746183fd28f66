"""What HTTP has to offer, in words and schemas, and OpenAPI 3.1 made of it and of the table of routes."""
