# Scrip for production: `docker build --tag scrip .`, then docs/deploying.md. tests/runtime/container.test.ts does by hand
# what stands here, since building an image needs an engine and the test needs none.

FROM node:26.10.0-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# the optional packages are Node itself, which is here, and a database server, which runs elsewhere
RUN npm pkg delete optionalDependencies && npm ci --omit=dev

FROM node:26.10.0-slim
# a process 1 that takes leave of the dead: every sandbox process that is killed leaves its guardian to it
RUN apt-get update \
  && apt-get install --yes --no-install-recommends tini \
  && rm -rf /var/lib/apt/lists/* \
  && install --directory --owner=node --group=node --mode=0700 /data \
  && ln -s /app/cli/scrip.mjs /usr/local/bin/scrip
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY schemas ./schemas
COPY sdk/generated ./sdk/generated
COPY engine ./engine
COPY api ./api
COPY cli ./cli
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8787 DATA_DIR=/data SQLITE_TMPDIR=/data
USER node
VOLUME /data
EXPOSE 8787
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--", "scrip"]
CMD ["start"]
