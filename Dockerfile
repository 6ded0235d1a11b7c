# docker build -t reference-api .
# Builds one static binary from the whole repository. It includes .git, from which
# Go takes the version that GET / and build_info show.
# The compiler runs on the platform of the machine that builds, for the platform of
# the image. BuildKit, the default since Docker 23, sets both variables.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
ARG TARGETARCH
ENV GOARCH=$TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# The same command as in `make build`. Without cgo, the binary needs no C library.
RUN CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags='-s -w' -o bin/reference-api . && mkdir /data

# This image holds only CA certificates (for rediss:// and postgres:// over TLS),
# time zones and a passwd file. It has no shell and no package manager.
FROM gcr.io/distroless/static-debian12:nonroot
LABEL org.opencontainers.image.title="reference-api" \
      org.opencontainers.image.description="API server for frontends on another origin" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /src/bin/reference-api /reference-api
# The server looks for .env in this directory. The base image's default is the
# home of its user, which a platform that assigns its own user ids (OpenShift)
# cannot read.
WORKDIR /
# The only directory that the server writes to, and only if DATABASE_URL is not
# PostgreSQL. It is a volume, so that it is writable under a read-only root.
COPY --from=build --chown=65532:65532 /data /data
VOLUME /data
# In production the server listens on all interfaces and requires ALLOWED_ORIGINS
# and SESSION_SECRET (or SESSION_SECRET_FILE).
ENV APP_ENV=production DATABASE_URL=file:/data/app.db
EXPOSE 8080
# A number, because Kubernetes cannot check a name against runAsNonRoot.
USER 65532:65532
# Give the server time to drain: run `docker stop -t 40`, or set SHUTDOWN_TIMEOUT
# to less than the 10 s after which Docker kills it.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/reference-api", "healthcheck"]
ENTRYPOINT ["/reference-api"]
