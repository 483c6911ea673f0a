# Offboard as a container: `offboard worker` by default, any other command as arguments.

FROM python:3.11.14-slim-bookworm AS build
# The version that wrote uv.lock.
RUN pip install --no-cache-dir "uv==0.13.9"
ENV UV_PROJECT_ENVIRONMENT=/opt/offboard UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
WORKDIR /src
# What we depend on changes seldom: a layer of its own. Without the embedded servers, which are
# for demo and tests.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --extra aws --no-install-project
COPY LICENSE README.md ./
COPY activities activities
COPY connectors connectors
COPY migrations migrations
COPY orchestrator orchestrator
RUN uv sync --frozen --no-dev --extra aws --no-editable

FROM python:3.11.14-slim-bookworm
RUN groupadd --gid 10001 offboard && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent offboard
COPY --from=build /opt/offboard /opt/offboard
ENV PATH=/opt/offboard/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
STOPSIGNAL SIGTERM
ENTRYPOINT ["offboard"]
CMD ["worker"]
