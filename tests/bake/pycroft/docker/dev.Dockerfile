FROM debian:bookworm-slim AS tools
FROM app-base
COPY --from=tools /opt /opt
