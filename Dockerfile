# toni in a container: docs/packages.md says how it is used. The first stage builds the packages, the second has what
# they need to run, and nothing else.
FROM debian:13-slim AS build
WORKDIR /src
COPY scripts/setup scripts/setup
RUN scripts/setup package
COPY . .
RUN scripts/package

FROM debian:13-slim
COPY --from=build /src/build/packages/toni_*.deb /tmp/
# A systemd that is not there needs no more than the tool that makes the user; it would make the folders as well.
RUN apt-get update && \
    apt-get install -y --no-install-recommends systemd-standalone-sysusers /tmp/toni_*.deb && \
    rm -rf /tmp/toni_*.deb /var/lib/apt/lists/* && \
    install -d -o toni -g toni -m 755 /run/toni && \
    install -d -o toni -g toni -m 750 /var/lib/toni
COPY docker/gateways.conf /etc/toni/gateways.conf
ENV STATE_DIRECTORY=/var/lib/toni
WORKDIR /var/lib/toni
USER toni
EXPOSE 9000 9001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["toni", "status", "-c", "/etc/toni/gateways.conf"]
CMD ["toni", "run", "-c", "/etc/toni/gateways.conf"]
