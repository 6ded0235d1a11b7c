# docker build -t api .
# Whole repository in, one static binary out. .git comes along: Go puts the
# version that GET / and build_info show into the binary from it.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# As `make build` does: no cgo, so that it runs without a C library.
RUN CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags='-s -w' -o bin/api . && mkdir /data

# Nothing but CA certificates (for rediss:// and postgres:// over TLS), time
# zones and a passwd file: no shell, no package manager.
FROM gcr.io/distroless/static-debian12:nonroot
LABEL org.opencontainers.image.title="api" \
      org.opencontainers.image.description="API server for frontends on another origin" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /src/bin/api /api
# Not the home of the base image's user, which a platform that runs images
# under a user id of its own (OpenShift) could not look into for a .env.
WORKDIR /
# The only place it writes to, and only as long as DATABASE_URL is not
# PostgreSQL. A volume, so that it is there with a read-only root too.
COPY --from=build --chown=65532:65532 /data /data
VOLUME /data
# production listens on all interfaces, and demands ALLOWED_ORIGINS and
# SESSION_SECRET (or SESSION_SECRET_FILE).
ENV APP_ENV=production DATABASE_URL=file:/data/app.db
EXPOSE 8080
# As a number: Kubernetes' runAsNonRoot cannot judge a name.
USER 65532:65532
# Give it time to drain: `docker stop -t 40`, or a SHUTDOWN_TIMEOUT under
# the 10 s after which Docker kills.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/api", "healthcheck"]
ENTRYPOINT ["/api"]
