"""Reading and writing: images, video, cameras, tables and annotated output."""
