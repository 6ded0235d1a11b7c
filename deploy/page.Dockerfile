# The proxy and the built page: Caddy, with the files of frontend-dev in /srv.
FROM node:22-alpine AS build
WORKDIR /src/frontend-dev
COPY frontend-dev/package.json frontend-dev/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY internal/openapi/openapi.yaml /src/internal/openapi/
COPY frontend-dev ./
# The address at which the page finds the API. It is built into the files, so
# another address needs another image.
ARG VITE_API_URL=https://localhost
RUN VITE_API_URL=$VITE_API_URL npm run build

FROM caddy:2-alpine
# The caddy in this image has a file capability to bind low ports, and the kernel
# refuses to run it in a container that drops that capability. A copy of the file
# has no capability. It needs none, because the container may bind every port.
RUN cp /usr/bin/caddy /usr/bin/caddy.plain && mv /usr/bin/caddy.plain /usr/bin/caddy && \
    mkdir -p /var/lib/caddy && chown 65532:65532 /var/lib/caddy
# Caddy keeps both its certificates and its running configuration here.
ENV XDG_CONFIG_HOME=/var/lib/caddy
COPY deploy/Caddyfile /etc/caddy/Caddyfile
COPY --from=build /src/frontend-dev/dist /srv
USER 65532:65532
