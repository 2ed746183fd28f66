from . import write_present

write_present()
