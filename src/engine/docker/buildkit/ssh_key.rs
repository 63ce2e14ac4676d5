use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaKeyPair,
};

/// A private key out of a file of OpenSSH's own format, not protected by a passphrase.
/// <https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key>
pub(super) struct SshKey {
    /// The public key as it goes over the wire.
    pub blob: Vec<u8>,
    pub comment: String,
    pair: Pair,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
    /// With the name of its algorithm.
    Ecdsa(String, EcdsaKeyPair),
}

const HEADER: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const FOOTER: &str = "-----END OPENSSH PRIVATE KEY-----";
const MAGIC: &[u8] = b"openssh-key-v1\0";

impl SshKey {
    /// The error is for people.
    pub(super) fn read(path: &Path) -> Result<SshKey, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("the ssh key `{}` cannot be read: {error}", path.display()))?;
        SshKey::parse(&text).map_err(|why| format!("the ssh key `{}` {why}", path.display()))
    }

    /// The error says what is wrong with the key.
    pub(super) fn parse(text: &str) -> Result<SshKey, String> {
        let other = "is in no form that is understood; `ssh-keygen -p -f FILE` rewrites it in OpenSSH's own";
        let inner = text
            .split_once(HEADER)
            .and_then(|(_, rest)| rest.split_once(FOOTER))
            .ok_or(other)?
            .0;
        let packed: String = inner.split_whitespace().collect();
        let bytes = STANDARD.decode(packed).map_err(|_| other)?;
        let mut outer = Fields(bytes.strip_prefix(MAGIC).ok_or(other)?);
        let cipher = outer.string().ok_or(other)?;
        if cipher != b"none" {
            return Err(
                "is protected by a passphrase; add it to an agent (`ssh-add`) and use that".into(),
            );
        }
        let (_kdf, _options, count) = (outer.string(), outer.string(), outer.number());
        if count != Some(1) {
            return Err(other.into());
        }
        let blob = outer.string().ok_or(other)?.to_vec();
        let mut inner = Fields(outer.string().ok_or(other)?);
        if inner.number().ok_or(other)? != inner.number().ok_or(other)? {
            return Err(other.into());
        }
        let algorithm = String::from_utf8_lossy(inner.string().ok_or(other)?).into_owned();
        let pair = Pair::read(&algorithm, &mut inner)?;
        let comment = String::from_utf8_lossy(inner.string().unwrap_or_default()).into_owned();
        Ok(SshKey {
            blob,
            comment,
            pair,
        })
    }

    /// A signature with its algorithm's name, as it goes over the wire. `flags` are the agent protocol's: 4 asks for
    /// SHA-512 with RSA. `None`: the key does not sign this.
    pub(super) fn sign(&self, data: &[u8], flags: u32) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        let (algorithm, signature) = match &self.pair {
            Pair::Ed25519(pair) => ("ssh-ed25519", pair.sign(data).as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let (name, padding): (_, &'static dyn ring::signature::RsaEncoding) =
                    match flags & 4 != 0 {
                        true => ("rsa-sha2-512", &RSA_PKCS1_SHA512),
                        false => ("rsa-sha2-256", &RSA_PKCS1_SHA256),
                    };
                pair.sign(padding, &random, data, &mut signature).ok()?;
                (name, signature)
            }
            Pair::Ecdsa(name, pair) => {
                let fixed = pair.sign(&random, data).ok()?;
                let (r, s) = fixed.as_ref().split_at(fixed.as_ref().len() / 2);
                let mut signature = Vec::new();
                put_integer(&mut signature, r);
                put_integer(&mut signature, s);
                (name.as_str(), signature)
            }
        };
        let mut packed = Vec::new();
        put_string(&mut packed, algorithm.as_bytes());
        put_string(&mut packed, &signature);
        Some(packed)
    }
}

impl Pair {
    fn read(algorithm: &str, fields: &mut Fields<'_>) -> Result<Pair, String> {
        let refused = || format!("is no usable `{algorithm}` key");
        let mut next = || fields.string().ok_or_else(refused);
        match algorithm {
            "ssh-ed25519" => {
                let (public, private) = (next()?, next()?);
                let seed = private.get(..32).ok_or_else(refused)?;
                let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public);
                Ok(Pair::Ed25519(pair.map_err(|_| refused())?))
            }
            "ssh-rsa" => {
                let [n, e, d, q_inverse, p, q] = [(); 6].map(|()| next().map(unsigned));
                let (n, e, d, q_inverse, p, q) = (n?, e?, d?, q_inverse?, p?, q?);
                let components = KeyPairComponents {
                    public_key: PublicKeyComponents { n, e },
                    d,
                    p,
                    q,
                    dP: &remainder_less_one(d, p)[..],
                    dQ: &remainder_less_one(d, q)[..],
                    qInv: q_inverse,
                };
                let pair = RsaKeyPair::from_components(&components);
                let pair = pair.map_err(|error| format!("is no usable RSA key: {error}"))?;
                Ok(Pair::Rsa(Box::new(pair)))
            }
            "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" => {
                let (kind, length) = match algorithm.ends_with("256") {
                    true => (&ECDSA_P256_SHA256_FIXED_SIGNING, 32),
                    false => (&ECDSA_P384_SHA384_FIXED_SIGNING, 48),
                };
                let (_curve, public, scalar) = (next()?, next()?, unsigned(next()?));
                let mut private = vec![0; length.max(scalar.len()) - scalar.len()];
                private.extend(scalar);
                let random = SystemRandom::new();
                let pair =
                    EcdsaKeyPair::from_private_key_and_public_key(kind, &private, public, &random);
                Ok(Pair::Ecdsa(algorithm.into(), pair.map_err(|_| refused())?))
            }
            _ => Err(format!(
                "is of the kind `{algorithm}`, which only an agent can use"
            )),
        }
    }
}

/// The fields of a message: strings with their length before them, and numbers of four bytes.
/// <https://www.rfc-editor.org/rfc/rfc4251#section-5>
pub(super) struct Fields<'b>(pub &'b [u8]);

impl<'b> Fields<'b> {
    pub(super) fn number(&mut self) -> Option<u32> {
        let (head, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*head))
    }

    pub(super) fn string(&mut self) -> Option<&'b [u8]> {
        let length = self.number()? as usize;
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }
}

pub(super) fn put_string(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend(bytes);
}

/// A number without a sign, however long.
fn put_integer(to: &mut Vec<u8>, bytes: &[u8]) {
    let mut shortest = unsigned(bytes).to_vec();
    if shortest.first().is_some_and(|first| *first >= 0x80) {
        shortest.insert(0, 0);
    }
    put_string(to, &shortest);
}

fn unsigned(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

/// `number mod (divisor - 1)`, big-endian; `divisor` is odd. RSA keys leave these two out of their files.
fn remainder_less_one(number: &[u8], divisor: &[u8]) -> Vec<u8> {
    let mut divisor = divisor.to_vec();
    if let Some(last) = divisor.last_mut() {
        *last &= !1;
    }
    // One byte more than the divisor has, for what is shifted in.
    let mut rest = vec![0u8; divisor.len() + 1];
    divisor.insert(0, 0);
    for byte in number {
        for bit in (0..8).rev() {
            let mut carry = byte >> bit & 1;
            for digit in rest.iter_mut().rev() {
                let out = *digit >> 7;
                *digit = *digit << 1 | carry;
                carry = out;
            }
            if rest >= divisor {
                let mut borrow = false;
                for (digit, less) in rest.iter_mut().zip(&divisor).rev() {
                    let (first, one) = digit.overflowing_sub(*less);
                    let (second, two) = first.overflowing_sub(u8::from(borrow));
                    *digit = second;
                    borrow = one || two;
                }
            }
        }
    }
    unsigned(&rest).to_vec()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use ring::signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents,
        UnparsedPublicKey,
    };
    use std::process::Command;

    /// The text of a fresh key. OpenSSH makes the keys that people have.
    pub fn fresh(arguments: &[&str]) -> String {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-C", "a comment", "-f"])
            .arg(&file)
            .args(arguments)
            .status();
        assert!(made.unwrap().success());
        std::fs::read_to_string(file).unwrap()
    }

    fn signed(key: &SshKey, flags: u32) -> (String, Vec<u8>) {
        let packed = key.sign(b"data", flags).unwrap();
        let mut fields = Fields(&packed);
        let name = String::from_utf8(fields.string().unwrap().to_vec()).unwrap();
        (name, fields.string().unwrap().to_vec())
    }

    #[test]
    fn signs_with_every_kind_of_key() {
        let key = SshKey::parse(&fresh(&["-t", "ed25519", "-N", ""])).unwrap();
        assert_eq!(key.comment, "a comment");
        let mut public = Fields(&key.blob);
        assert_eq!(public.string(), Some(&b"ssh-ed25519"[..]));
        let (name, signature) = signed(&key, 0);
        assert_eq!(name, "ssh-ed25519");
        UnparsedPublicKey::new(&ED25519, public.string().unwrap())
            .verify(b"data", &signature)
            .unwrap();

        let key = SshKey::parse(&fresh(&["-t", "rsa", "-b", "2048", "-N", ""])).unwrap();
        let mut public = Fields(&key.blob);
        public.string();
        let (e, n) = (public.string().unwrap(), public.string().unwrap());
        let (name, signature) = signed(&key, 4);
        assert_eq!(name, "rsa-sha2-512");
        RsaPublicKeyComponents { n: unsigned(n), e }
            .verify(&RSA_PKCS1_2048_8192_SHA512, b"data", &signature)
            .unwrap();

        let key = SshKey::parse(&fresh(&["-t", "ecdsa", "-b", "256", "-N", ""])).unwrap();
        let mut public = Fields(&key.blob);
        public.string().unwrap();
        public.string().unwrap();
        let (name, signature) = signed(&key, 0);
        assert_eq!(name, "ecdsa-sha2-nistp256");
        let mut numbers = Fields(&signature);
        let mut fixed = Vec::new();
        for _ in 0..2 {
            let number = unsigned(numbers.string().unwrap());
            fixed.extend(vec![0; 32 - number.len()]);
            fixed.extend(number);
        }
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public.string().unwrap())
            .verify(b"data", &fixed)
            .unwrap();
    }

    #[test]
    fn says_why_a_key_cannot_be_used() {
        let why = |text: &str| SshKey::parse(text).err().unwrap();
        let locked = fresh(&["-t", "ed25519", "-N", "secret phrase"]);
        assert!(why(&locked).contains("passphrase"));
        assert!(why("-----BEGIN RSA PRIVATE KEY-----").contains("ssh-keygen -p"));
        assert!(why(&format!("{HEADER}\nAAAA\n{FOOTER}")).contains("no form"));
    }
}
