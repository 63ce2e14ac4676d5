use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::SeekFrom;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, StdError};
use tonic::server::{Grpc, NamedService, ServerStreamingService, StreamingService, UnaryService};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::layout::Layout;
use super::messages::{
    Empty, Info, InfoRequest, InfoResponse, ReadRequest, ReadResponse, WriteReference,
    WriteRequest, WriteResponse,
};
use super::upload::Upload;

const SERVICE: &str = "containerd.services.content.v1.Content";

/// What of the service is answered.
pub(in super::super) const METHODS: [&str; 5] = [
    "/containerd.services.content.v1.Content/Info",
    "/containerd.services.content.v1.Content/Read",
    "/containerd.services.content.v1.Content/Write",
    "/containerd.services.content.v1.Content/Status",
    "/containerd.services.content.v1.Content/Abort",
];

/// The header that says which of several stores is meant.
const STORE: &str = "buildkit-attachable-store-id";

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

/// The largest piece that the builder writes at once, in bytes.
const LARGEST: usize = 32 << 20;

/// Directories that the builder may read and write, each under the name that it knows.
#[derive(Clone, Default)]
pub(in super::super) struct Content(Arc<BTreeMap<String, Layout>>);

impl Content {
    pub(in super::super) fn new(layouts: BTreeMap<String, Layout>) -> Content {
        Content(Arc::new(layouts))
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn layout<T>(&self, request: &Request<T>) -> Result<Layout, Status> {
        let name = request.metadata().get(STORE);
        name.and_then(|name| self.0.get(name.to_str().ok()?))
            .cloned()
            .ok_or_else(|| Status::not_found("no such local cache is part of this build"))
    }
}

impl NamedService for Content {
    const NAME: &'static str = SERVICE;
}

impl<B> tower_service::Service<http::Request<B>> for Content
where
    B: HttpBody + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let content = self.clone();
        let method = request.uri().path().rsplit('/').next().unwrap_or_default();
        match method {
            "Info" => Box::pin(async move {
                Ok(Grpc::new(ProstCodec::default())
                    .unary(Look(content), request)
                    .await)
            }),
            "Read" => Box::pin(async move {
                Ok(Grpc::new(ProstCodec::default())
                    .server_streaming(Read(content), request)
                    .await)
            }),
            "Write" => Box::pin(async move {
                Ok(Grpc::new(ProstCodec::default())
                    .max_decoding_message_size(LARGEST)
                    .streaming(Write(content), request)
                    .await)
            }),
            "Status" => Box::pin(async move {
                Ok(Grpc::new(ProstCodec::default())
                    .unary(NoWrite, request)
                    .await)
            }),
            "Abort" => {
                Box::pin(
                    async move { Ok(Grpc::new(ProstCodec::default()).unary(Abort, request).await) },
                )
            }
            _ => Box::pin(async { Ok(Status::new(Code::Unimplemented, "").into_http()) }),
        }
    }
}

type Answer<T> = BoxFuture<'static, Result<Response<T>, Status>>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Whether content is there, and its size.
struct Look(Content);

impl UnaryService<InfoRequest> for Look {
    type Response = InfoResponse;
    type Future = Answer<InfoResponse>;

    fn call(&mut self, request: Request<InfoRequest>) -> Self::Future {
        let layout = self.0.layout(&request);
        Box::pin(async move {
            let digest = request.into_inner().digest;
            let (_, size) = open(&layout?, &digest).await?;
            let info = Info {
                digest,
                size: i64::try_from(size).unwrap_or(i64::MAX),
            };
            Ok(Response::new(InfoResponse { info: Some(info) }))
        })
    }
}

struct Read(Content);

impl ServerStreamingService<ReadRequest> for Read {
    type Response = ReadResponse;
    type ResponseStream = Answers<ReadResponse>;
    type Future = Answer<Self::ResponseStream>;

    fn call(&mut self, request: Request<ReadRequest>) -> Self::Future {
        let layout = self.0.layout(&request);
        Box::pin(async move {
            let wanted = request.into_inner();
            let (mut file, size) = open(&layout?, &wanted.digest).await?;
            let beyond = || Status::out_of_range(format!("the content has {size} bytes"));
            let offset = u64::try_from(wanted.offset).map_err(|_| beyond())?;
            let left = size.checked_sub(offset).ok_or_else(beyond)?;
            // The builder asks for what it has room for, which may be more than there is.
            let length = match u64::try_from(wanted.size) {
                Ok(0) | Err(_) => left,
                Ok(length) => length.min(left),
            };
            file.seek(SeekFrom::Start(offset))
                .await
                .map_err(cannot_read)?;
            let file = file.take(length);
            let pieces =
                stream::try_unfold((file, wanted.offset), |(mut file, offset)| async move {
                    let mut data =
                        vec![0; PIECE.min(usize::try_from(file.limit()).unwrap_or(PIECE))];
                    let read = file.read(&mut data).await.map_err(cannot_read)?;
                    data.truncate(read);
                    if data.is_empty() {
                        return Ok(None);
                    }
                    let next = offset.saturating_add(i64::try_from(read).unwrap_or(i64::MAX));
                    Ok(Some((ReadResponse { offset, data }, (file, next))))
                });
            Ok(Response::new(pieces.boxed()))
        })
    }
}

struct Write(Content);

impl StreamingService<WriteRequest> for Write {
    type Response = WriteResponse;
    type ResponseStream = Answers<WriteResponse>;
    type Future = Answer<Self::ResponseStream>;

    fn call(&mut self, request: Request<Streaming<WriteRequest>>) -> Self::Future {
        let layout = self.0.layout(&request);
        Box::pin(async move {
            let upload = Upload::new(layout?);
            let asked = request.into_inner();
            let answers =
                stream::try_unfold((asked, upload), |(mut asked, mut upload)| async move {
                    match asked.message().await? {
                        Some(request) => {
                            let answer = upload.answer(request).await?;
                            Ok(Some((answer, (asked, upload))))
                        }
                        None => Ok(None),
                    }
                });
            Ok(Response::new(answers.boxed()))
        })
    }
}

/// Nothing is written that is not being written just now.
struct NoWrite;

impl UnaryService<WriteReference> for NoWrite {
    type Response = Empty;
    type Future = Answer<Empty>;

    fn call(&mut self, request: Request<WriteReference>) -> Self::Future {
        let reference = request.into_inner().reference;
        Box::pin(async move { Err(Status::not_found(format!("no write `{reference}`"))) })
    }
}

/// A write that nobody goes on with leaves nothing behind anyway.
struct Abort;

impl UnaryService<WriteReference> for Abort {
    type Response = Empty;
    type Future = Answer<Empty>;

    fn call(&mut self, _: Request<WriteReference>) -> Self::Future {
        Box::pin(async { Ok(Response::new(Empty {})) })
    }
}

/// Opens content. The number is its size in bytes.
async fn open(layout: &Layout, digest: &str) -> Result<(File, u64), Status> {
    let place = layout
        .blob(digest)
        .ok_or_else(|| Status::invalid_argument(format!("`{digest}` is no digest")))?;
    let file = match File::open(&place).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Status::not_found(format!("no content {digest}")));
        }
        Err(error) => return Err(cannot_read(error)),
    };
    let size = file.metadata().await.map_err(cannot_read)?.len();
    Ok((file, size))
}

fn cannot_read(error: std::io::Error) -> Status {
    Status::failed_precondition(format!("the local cache cannot be read: {error}"))
}
