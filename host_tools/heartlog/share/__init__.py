"""A session in one encrypted file, for a colleague who knows the passphrase.

seal(store, [session_id], Path("case.heartshare"), "correct horse battery staple")
numbers = unseal(Path("case.heartshare"), "correct horse battery staple", store)
"""

from heartlog.share.file import Contents, seal, unseal

__all__ = ["Contents", "seal", "unseal"]
