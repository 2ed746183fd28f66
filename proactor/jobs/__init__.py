"""The jobs: made, launched, watched, ended, started again; and what is kept of them."""
