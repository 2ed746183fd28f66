"""The store: what must outlive the initiator, committed before it is answered."""
