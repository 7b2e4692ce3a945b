"""Backups of the laptop home: one encrypted file, made while the server runs, verified, and restored as a whole.

`sealed_file` encrypts and decrypts with the key of a lock (`locks`), `archive` writes and reads the contents,
`verification` opens a restored copy, `places` puts it into S3, and `schedule` makes backups every few hours.
On AWS, point-in-time recovery of the table and the versions of the buckets serve the same purpose.
"""


class BackupError(Exception):
    """A backup cannot be made, opened or restored; the text is a sentence for a person."""
