use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::context::TlsFiles;

/// TLS towards an engine, with the client's own certificate where there is one.
pub(super) struct Tls {
    connector: TlsConnector,
    server: ServerName<'static>,
}

/// Where systems keep the authorities that they trust; used when the user names none.
const SYSTEM_BUNDLES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

impl Tls {
    pub(super) fn new(host: &str, files: &TlsFiles) -> Result<Tls, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = if files.skip_verification {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
        } else {
            builder.with_root_certificates(authorities(files.ca.as_deref())?)
        };
        let mut config = match (&files.certificate, &files.key) {
            (Some(certificate), Some(key)) => {
                let secret = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| format!("cannot read the key `{}`: {error}", key.display()))?;
                builder
                    .with_client_auth_cert(certificates(certificate)?, secret)
                    .map_err(|error| format!("cannot use `{}`: {error}", certificate.display()))?
            }
            (None, None) => builder.with_no_client_auth(),
            (Some(one), None) | (None, Some(one)) => {
                return Err(format!(
                    "`{}` is there, but cert.pem and key.pem are only of use together",
                    one.display()
                ));
            }
        };
        if files.http2 {
            config.alpn_protocols.push(b"h2".to_vec());
        }
        let host = files.server_name.as_deref().unwrap_or(host);
        let server = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("`{host}` is not a name that a certificate can have"))?;
        Ok(Tls {
            connector: TlsConnector::from(Arc::new(config)),
            server,
        })
    }

    pub(super) async fn wrap<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.connector.connect(self.server.clone(), stream).await
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unreadable = |error| {
        format!(
            "cannot read certificates from `{}`: {error}",
            path.display()
        )
    };
    CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)
}

fn authorities(ca: Option<&Path>) -> Result<RootCertStore, String> {
    let path = match ca {
        Some(path) => path.to_owned(),
        None => SYSTEM_BUNDLES
            .iter()
            .map(PathBuf::from)
            .find(|path| path.is_file())
            .ok_or("there is no ca.pem, and the system has no bundle of authorities")?,
    };
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(certificates(&path)?);
    if store.is_empty() {
        return Err(format!("there is no certificate in `{}`", path.display()));
    }
    Ok(store)
}

/// Takes every certificate, as `DOCKER_TLS` without `DOCKER_TLS_VERIFY` asks for; only the signatures are checked.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_half_certificates_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("ca.pem");
        std::fs::write(&empty, "").unwrap();
        let wrong = |files: TlsFiles| Tls::new("box", &files).err().unwrap();
        assert!(
            wrong(TlsFiles {
                ca: Some(empty.clone()),
                ..TlsFiles::default()
            })
            .contains("there is no certificate in")
        );
        assert!(
            wrong(TlsFiles {
                key: Some(empty),
                skip_verification: true,
                ..TlsFiles::default()
            })
            .contains("only of use together")
        );
    }
}
