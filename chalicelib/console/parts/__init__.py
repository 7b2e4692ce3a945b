"""Parts that several pages share: the frame of a CA's pages, rows of tables, charts."""
