"""The dashboards of Grafana, as code: `make docs` writes them to docker/grafana/dashboards."""
