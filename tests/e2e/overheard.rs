//! A socket in front of an engine's, where it is heard what the engine is asked.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

/// Hands everything on to an engine, and remembers the first line of each request.
pub struct Overheard {
    /// For `DOCKER_HOST`.
    pub address: String,
    said: Arc<Mutex<Vec<u8>>>,
    _directory: tempfile::TempDir,
}

impl Overheard {
    pub fn start(engine: &str) -> Overheard {
        let engine = engine.trim_start_matches("unix://").to_owned();
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("docker.sock");
        let listener = UnixListener::bind(&path).expect("a socket");
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(engine) = UnixStream::connect(&engine) else {
                    return;
                };
                let (mut answers, mut back) = (
                    engine.try_clone().expect("a clone"),
                    client.try_clone().expect("a clone"),
                );
                std::thread::spawn(move || std::io::copy(&mut answers, &mut back));
                let heard = Arc::clone(&heard);
                std::thread::spawn(move || listen(client, engine, &heard));
            }
        });
        Overheard {
            address: format!("unix://{}", path.display()),
            said,
            _directory: directory,
        }
    }

    /// Method and path of every request so far. Requests with a body are not told apart from it.
    pub fn calls(&self) -> Vec<String> {
        let said = self.said.lock().expect("nobody panicked");
        String::from_utf8_lossy(&said)
            .lines()
            .filter_map(|line| line.trim_end().strip_suffix(" HTTP/1.1"))
            .map(str::to_owned)
            .collect()
    }
}

fn listen(mut client: UnixStream, mut engine: UnixStream, heard: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        heard
            .lock()
            .expect("nobody panicked")
            .extend_from_slice(&buffer[..count]);
        if engine.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}
