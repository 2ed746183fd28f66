"""Who is who: tokens issued and verified, the keys that sign them, and who may call whom."""
