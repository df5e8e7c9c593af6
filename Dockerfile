# Aerial in a container. `docker build -t aerial .` makes the usual image;
# `--target gpu` one with drivers for graphics cards of Intel and AMD, which is larger.
# For NVIDIA the usual one does: the driver comes from the host (docs/operating.md).

ARG DEBIAN=trixie

# The web app.
FROM node:22-${DEBIAN}-slim AS web
WORKDIR /aerial/web
COPY web/package.json web/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund --loglevel=error
COPY web/ ./
RUN npm run --silent build

# The program, with the app in it.
FROM rust:1.95-slim-${DEBIAN} AS build
# The allocator is C, built with make.
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends make && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /aerial
COPY Cargo.toml Cargo.lock LICENSE ./
COPY .cargo .cargo
COPY crates crates
COPY --from=web /aerial/web/dist web/dist
# The folders for crates and objects are kept between builds, so the program is copied out.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/aerial/target \
    CARGO_PROFILE_RELEASE_STRIP=debuginfo CARGO_INCREMENTAL=0 \
    cargo build --locked --release --package aerial && \
    install -m 755 target/release/aerial /usr/local/bin/aerial

# What every image has.
FROM debian:${DEBIAN}-slim AS base
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates ffmpeg fonts-dejavu-core tzdata && \
    rm -rf /var/lib/apt/lists/* && \
    groupadd --system --gid 8400 aerial && \
    useradd --system --uid 8400 --gid aerial --home-dir /data --shell /usr/sbin/nologin aerial && \
    install -d -m 0700 -o aerial -g aerial /data && \
    install -d -m 0755 /media
COPY --from=build /usr/local/bin/aerial /usr/local/bin/aerial
COPY LICENSE /usr/share/doc/aerial/LICENSE
# NVIDIA's runtime gives a container what it asks for here.
ENV AERIAL_SERVER_DATA=/data \
    AERIAL_SERVER_LISTEN=0.0.0.0:8400 \
    AERIAL_LIBRARY_FOLDERS=/media \
    NVIDIA_DRIVER_CAPABILITIES=compute,video,utility
USER aerial
WORKDIR /data
VOLUME ["/data"]
# The app and the streams; and, where the network is the host's, finding the tuner.
EXPOSE 8400/tcp 65001/udp
# A first start may bring a large catalogue to a new version.
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s --retries=3 \
    CMD ["aerial", "health"]
# The keeper is process 1: it passes signals on and reaps what others leave.
ENTRYPOINT ["aerial"]
CMD ["serve"]

# With drivers for /dev/dri: Intel from Broadwell on, older ones of Intel, AMD.
FROM base AS gpu
USER root
RUN apt-get update && \
    packages="mesa-va-drivers" && \
    if [ "$(dpkg --print-architecture)" = amd64 ]; then \
        packages="$packages intel-media-va-driver i965-va-driver libvpl2"; \
    fi && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages && \
    rm -rf /var/lib/apt/lists/*
USER aerial

FROM base
