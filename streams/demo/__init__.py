"""`onhand demo`: a seeded retail day through the real pipeline, watched live and verified at the end."""
