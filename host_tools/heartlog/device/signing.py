"""Signs firmware images, so that a monitor takes them over the air.

    key = new_key(Path("signing.pem"))          # once, kept by whoever publishes firmware
    signed = sign_image(info, key)
    signed.size, signed.sha256, signed.signature

Ed25519 (RFC 8032) over b"heartlog-image" and the image file's SHA-256. Monitors hold the public
half, 32 bytes, put on them over USB: reading one out gives nobody the power to sign.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from heartlog.errors import CommandError, NotFound
from heartlog.image import ImageInfo

DOMAIN = b"heartlog-image"


@dataclass(frozen=True)
class SignedImage:
    """An image file's bytes, their SHA-256 and the signature over it."""

    data: bytes
    sha256: bytes
    signature: bytes

    @property
    def size(self) -> int:
        """Bytes to transfer."""
        return len(self.data)


def new_key(path: Path) -> Ed25519PrivateKey:
    """Make a signing key and keep it in a new file that only its owner may read.

    Raises:
        CommandError: the file is there already; a key is never overwritten.
        NotFound: its folder is not there. A key's place is chosen, not made by a slip.
    """
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    if not path.parent.is_dir():
        raise NotFound(
            f"There is no folder {path.parent} for the key.", "Make it, or name another file."
        )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise CommandError(
            f"{path} is there already, and a signing key is never overwritten.",
            "Name another file, or use the key that is there.",
        ) from error
    with os.fdopen(handle, "wb") as file:
        file.write(text)
    return key


def load_key(path: Path) -> Ed25519PrivateKey:
    """Read a signing key.

    Raises:
        NotFound: there is no such file.
        CommandError: it holds no Ed25519 private key.
    """
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError as error:
        raise NotFound(
            f"There is no signing key {path}.",
            "Make one with `heartlog device key FILE`, or name the one you have with --key.",
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CommandError(
            f"{path} holds no signing key that can be read.",
            "It must be an Ed25519 private key in PEM form, as `heartlog device key` makes it.",
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise CommandError(
            f"{path} holds a key of another kind than Ed25519.",
            "Make one with `heartlog device key FILE`.",
        )
    return key


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes that a monitor is given."""
    return key.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )


def sign_archive(data: bytes, key: Ed25519PrivateKey) -> SignedImage:
    """Sign an image file's bytes."""
    digest = hashlib.sha256(data).digest()
    return SignedImage(data, digest, key.sign(DOMAIN + digest))


def sign_image(image: ImageInfo, key: Ed25519PrivateKey) -> SignedImage:
    """Sign a built image's file."""
    return sign_archive(image.archive.read_bytes(), key)
