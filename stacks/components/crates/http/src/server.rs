use std::io::{self, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::{Request, Response};

/// Answers every connection in a thread of its own, until the process ends.
pub fn serve(listener: TcpListener, answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> io::Result<()> {
    let answer = Arc::new(answer);
    for stream in listener.incoming() {
        let answer = Arc::clone(&answer);
        let stream = stream?;
        thread::spawn(move || {
            // A client that has gone is no concern of the service.
            let _ = talk(&stream, answer.as_ref());
        });
    }
    Ok(())
}

fn talk(stream: &TcpStream, answer: &impl Fn(&Request) -> Response) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    let response = match Request::read(&mut BufReader::new(stream)) {
        Ok(request) => answer(&request),
        Err(error) => Response::error(400, &error.to_string()),
    };
    response.write(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{get, post};

    #[test]
    fn client_and_server_understand_each_other() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(|| {
            serve(listener, |request| {
                Response::json(201, format!("{} {} {}", request.method, request.path, request.body))
            })
        });
        assert_eq!(get(&address, "/a").unwrap(), (201, "GET /a ".to_owned()));
        assert_eq!(post(&address, "/b", "text").unwrap(), (201, "POST /b text".to_owned()));
    }

    #[test]
    fn nobody_there_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        assert!(get(&address, "/").is_err());
    }
}
