FROM debian:bookworm-slim AS run
