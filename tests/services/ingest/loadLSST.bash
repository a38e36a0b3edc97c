# The real image's stack has a folder of packages that `setup` puts on the path; here it is what lies beside ingest.
_stack=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
setup() {
    export PYTHONPATH=$_stack/ingest
    export DAF_BUTLER_PLUGINS=$_stack/ingest/butler_commands.yaml
}
