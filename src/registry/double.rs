//! A host that answers as a test wants, for tests of what is said to registries.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub(super) struct Double {
    /// `127.0.0.1:PORT`
    pub(super) host: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Double {
    /// `answer`: from a request as it was sent, with its body, to the whole answer.
    pub(super) async fn answering(
        answer: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Double {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = heard.clone();
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (hearing, answer) = (hearing.clone(), answer.clone());
                tokio::spawn(async move {
                    let mut asked = Vec::new();
                    while !is_whole(&asked) {
                        let Ok(byte) = stream.read_u8().await else {
                            return;
                        };
                        asked.push(byte);
                    }
                    let asked = String::from_utf8(asked).unwrap();
                    let answer = answer(&asked);
                    hearing.lock().unwrap().push(asked);
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Double { host, heard }
    }

    /// Every request so far, in order.
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// An answer with a status, such as `200 OK`, lines of its head, and a body.
pub(super) fn answer(status: &str, head: &[&str], body: &str) -> String {
    let head: String = head.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{head}content-length: {length}\r\n\r\n{body}")
}

fn is_whole(asked: &[u8]) -> bool {
    let text = String::from_utf8_lossy(asked).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    body.len() >= length
}
