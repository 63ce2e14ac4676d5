FROM debian:bookworm-slim
ARG UID=1000
ARG GID=1000
