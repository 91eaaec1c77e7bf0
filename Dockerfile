# docker build -t onnxtaylor .
# docker run --rm -v "$PWD:/work" onnxtaylor analyze model.onnx events.parquet -o result.json
# GPU: docker build -t onnxtaylor-gpu --build-arg RUNTIME='gpu' --build-arg ALSO='onnxruntime-gpu[cuda,cudnn]' .
#      docker run --rm --gpus all -v "$PWD:/work" onnxtaylor-gpu analyze model.onnx events.parquet --provider cuda
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY onnxtaylor onnxtaylor
COPY kernels kernels
RUN pip wheel --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
ARG RUNTIME=cpu
ARG ALSO=""
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/onnxtaylor-*.whl)[${RUNTIME},root,hdf5,pandas]" ${ALSO}
# kernels are compiled here, once; at run time nothing needs the network or a folder to write to
ENV NUMBA_CACHE_DIR=/var/cache/onnxtaylor MPLCONFIGDIR=/tmp/matplotlib LC_ALL=C.UTF-8
RUN mkdir -p "$NUMBA_CACHE_DIR" && onnxtaylor demo -q -o /tmp/demo && rm -r /tmp/demo \
    && chmod -R a+rwX "$NUMBA_CACHE_DIR"
USER 1000:1000
WORKDIR /work
ENTRYPOINT ["onnxtaylor"]
