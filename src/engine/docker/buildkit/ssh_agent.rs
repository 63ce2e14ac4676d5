use std::fmt;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::ssh_key::{Fields, SshKey, put_string};

/// An agent that knows the keys of some files and keeps nothing else. It answers what ssh asks to log in: which keys
/// there are, and to sign with one of them.
/// <https://datatracker.ietf.org/doc/html/draft-ietf-sshm-ssh-agent>
#[derive(Clone)]
pub(super) struct KeyAgent(Arc<Vec<SshKey>>);

/// Questions and answers of the protocol, by number.
const FAILURE: u8 = 5;
const WHICH_KEYS: u8 = 11;
const KEYS: u8 = 12;
const SIGN: u8 = 13;
const SIGNATURE: u8 = 14;

/// The longest question, in bytes.
const LONGEST: u32 = 256 << 10;

impl KeyAgent {
    pub(super) fn new(keys: Vec<SshKey>) -> KeyAgent {
        KeyAgent(Arc::new(keys))
    }

    /// Answers until the other side hangs up.
    pub(super) async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        while let Ok(question) = read_message(&mut stream).await {
            let answer = self.answer(&question).unwrap_or_else(|| vec![FAILURE]);
            let mut message = Vec::new();
            put_string(&mut message, &answer);
            if stream.write_all(&message).await.is_err() {
                return;
            }
        }
    }

    /// `None`: this agent does not do what is asked for.
    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let (kind, rest) = question.split_first()?;
        let mut fields = Fields(rest);
        match *kind {
            WHICH_KEYS => {
                let mut answer = vec![KEYS];
                answer.extend(u32::try_from(self.0.len()).ok()?.to_be_bytes());
                for key in self.0.iter() {
                    put_string(&mut answer, &key.blob);
                    put_string(&mut answer, key.comment.as_bytes());
                }
                Some(answer)
            }
            SIGN => {
                let (blob, data) = (fields.string()?, fields.string()?);
                let flags = fields.number()?;
                let key = self.0.iter().find(|key| key.blob == blob)?;
                let mut answer = vec![SIGNATURE];
                put_string(&mut answer, &key.sign(data, flags)?);
                Some(answer)
            }
            _ => None,
        }
    }
}

/// Never shows a key.
impl fmt::Debug for KeyAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyAgent({} keys)", self.0.len())
    }
}

async fn read_message(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = vec![0; length as usize];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::super::ssh_key::tests::fresh;
    use super::*;

    #[tokio::test]
    async fn lists_its_keys_and_signs_with_them_only() {
        let key = SshKey::parse(&fresh(&["-t", "ed25519", "-N", ""])).unwrap();
        let blob = key.blob.clone();
        let (mut near, far) = tokio::io::duplex(1024);
        tokio::spawn(KeyAgent::new(vec![key]).serve(far));
        let mut ask = async |question: Vec<u8>| {
            let mut message = Vec::new();
            put_string(&mut message, &question);
            near.write_all(&message).await.unwrap();
            read_message(&mut near).await.unwrap()
        };
        let keys = ask(vec![WHICH_KEYS]).await;
        assert_eq!(keys[..5], [KEYS, 0, 0, 0, 1]);
        assert_eq!(Fields(&keys[5..]).string(), Some(&blob[..]));
        let sign = |blob: &[u8]| {
            let mut question = vec![SIGN];
            put_string(&mut question, blob);
            put_string(&mut question, b"data");
            question.extend([0; 4]);
            question
        };
        assert_eq!(ask(sign(&blob)).await[0], SIGNATURE);
        assert_eq!(ask(sign(b"other")).await, [FAILURE]);
        assert_eq!(ask(vec![19]).await, [FAILURE]);
    }
}
