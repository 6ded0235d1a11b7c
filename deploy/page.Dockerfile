# The proxy and the built page: Caddy with frontend-dev's files in /srv.
FROM node:22-alpine AS build
WORKDIR /src/frontend-dev
COPY frontend-dev/package.json frontend-dev/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY internal/openapi/openapi.yaml /src/internal/openapi/
COPY frontend-dev ./
# Where the page finds the API. It is built into the files: another API
# address is another image.
ARG VITE_API_URL=https://localhost
RUN VITE_API_URL=$VITE_API_URL npm run build

FROM caddy:2-alpine
# The image's caddy bears the capability to bind low ports, and the kernel
# refuses to run it where that is dropped. A copy has none, and needs none:
# in a container every port may be bound.
RUN cp /usr/bin/caddy /usr/bin/caddy.plain && mv /usr/bin/caddy.plain /usr/bin/caddy && \
    mkdir -p /var/lib/caddy && chown 65532:65532 /var/lib/caddy
# Caddy keeps its certificates and its running configuration in this one place.
ENV XDG_CONFIG_HOME=/var/lib/caddy
COPY deploy/Caddyfile /etc/caddy/Caddyfile
COPY --from=build /src/frontend-dev/dist /srv
USER 65532:65532
