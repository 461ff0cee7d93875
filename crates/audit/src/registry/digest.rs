//! Digests of manifests and modules.

use sha2::{Sha256, Sha384, Sha512};

use super::error::{AnswerError, PullError};

/// A digest, `ALGORITHM:HEX`.
pub(super) struct Digest<'a> {
    text: &'a str,
    algorithm: &'a str,
    hash: fn(&[u8]) -> Vec<u8>,
}

impl<'a> Digest<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, AnswerError> {
        let invalid = || AnswerError::Digest(text.to_owned());
        let (algorithm, digits) = text.split_once(':').ok_or_else(invalid)?;
        let hash = match algorithm {
            "sha256" => hash::<Sha256>,
            "sha384" => hash::<Sha384>,
            "sha512" => hash::<Sha512>,
            _ => return Err(invalid()),
        };
        // A digest becomes a part of a URL.
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then_some(Self { text, algorithm, hash }).ok_or_else(invalid)
    }

    /// Checks that the bytes have this digest.
    pub(super) fn verify(&self, bytes: &[u8]) -> Result<(), PullError> {
        let nibbles = (self.hash)(bytes).into_iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        let digits: String = nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect();
        let actual = format!("{}:{digits}", self.algorithm);
        if actual == self.text {
            Ok(())
        } else {
            Err(PullError::WrongDigest { expected: self.text.to_owned(), actual })
        }
    }
}

fn hash<D: sha2::Digest>(bytes: &[u8]) -> Vec<u8> {
    D::digest(bytes).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifies_each_algorithm() {
        for digest in [
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "sha384:cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
             8086072ba1e7cc2358baeca134c825a7",
            "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ] {
            let digest = Digest::parse(digest).unwrap();
            assert!(digest.verify(b"abc").is_ok());
            assert!(digest.verify(b"abd").is_err());
        }
    }

    #[test]
    fn rejects_text_that_is_no_digest() {
        for text in ["", "sha256", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:../../other", "sha256:a?b"] {
            assert!(Digest::parse(text).is_err(), "{text}");
        }
    }
}
