ARG DB_TAG=15
FROM postgres:${DB_TAG}
COPY . /
