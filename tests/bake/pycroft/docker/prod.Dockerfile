FROM app-dev AS builder
FROM app-base
COPY --from=builder /wheel /wheel
