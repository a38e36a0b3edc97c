{{- /* What the jobs and the command line read, as YAML; it holds no secret. Names that may be all digits are quoted, so that they stay
       text. Takes root, and `byHand` if a person reads it. */}}
{{- define "embargo-butler.hooksConfig" -}}
{{- $buckets := include "embargo-butler.bucketsFor" . }}
{{- with .root }}
{{- $secrets := include "embargo-butler.given" .Values.secrets | fromJson }}
{{- $fullname := include "embargo-butler.fullname" . -}}
environment: {{ .Values.environment }}
cluster: {{ .Values.cluster }}
namespace: {{ .Values.namespace }}
fullname: {{ $fullname }}
vault:
  address: {{ .Values.vault.address | quote }}
  mount: {{ .Values.vault.mount | quote }}
  {{- with .Values.vault.ownersPath }}
  ownersPath: {{ . | quote }}
  {{- end }}
  {{- with .Values.vault.namespace }}
  namespace: {{ toJson . }}
  {{- end }}
  {{- with .Values.vault.caBundle }}
  caBundle: {{ toJson . }}
  {{- end }}
  {{- range $key, $seconds := include "embargo-butler.given" (pick .Values.vault "timeoutSeconds" "retrySeconds") | fromJson }}
  {{ $key }}: {{ int64 $seconds }}
  {{- end }}
  auth:
    {{- with .Values.vault.auth }}
    method: {{ .method }}
    mount: {{ .mount | default .method | quote }}
    role: {{ .role | default (printf "embargo-butler-%s" $.root.Values.environment) | quote }}
    audience: {{ .audience | quote }}
    {{- with include "embargo-butler.loginSecret" $.root }}
    secret:
      name: {{ . }}
    {{- end }}
    {{- end }}
secrets:
  {{- toYaml $secrets | nindent 2 }}
existingSecrets: {{ include "embargo-butler.given" .Values.existingSecrets | fromJson | keys | sortAlpha | toJson }}
{{- if eq .Values.enqueue.mode "webhook" }}
enqueue:
  service: {{ $fullname }}-enqueue
  port: {{ int64 .Values.enqueue.service.port }}
  address: {{ .Values.enqueue.service.address | default "null" }}
  {{- if eq .Values.hooks.buckets "apply" }}
  secret: {{ toJson .Values.enqueue.notificationSecret }}
  {{- end }}
{{- end }}
hooks:
  deadlineSeconds: {{ int64 .Values.hooks.deadlineSeconds }}
  {{- if .Values.hooks.audit.enabled }}
  cronJobs: [audit]
  {{- end }}
  {{- range list "audit" "reconcile" }}
  {{ . }}: {{ pick (get $.root.Values.hooks .) "schedule" | toJson }}
  {{- end }}
  restart:
    mode: {{ .Values.hooks.restart }}
    workloads:
      {{- include "embargo-butler.workloads" . | nindent 6 }}
  {{- with include "embargo-butler.filled" .Values.hooks.secrets | fromJson }}
  secrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- with $buckets }}
bucketConfig:
  {{- fromJson . | toYaml | nindent 2 }}
{{- end }}
{{- with include "embargo-butler.noBuckets" . }}
noBuckets: {{ . | quote }}
{{- end }}
{{ include "embargo-butler.pipelineConfig" . }}
{{- end }}
{{- end }}

{{- /* The same to the last newline, as a ConfigMap holds it. */}}
{{- define "embargo-butler.configText" -}}
{{- include "embargo-butler.hooksConfig" . | trim | printf "%s\n" }}
{{- end }}

{{- /* What the verbs over the pipeline are told: names of Secrets' keys, never what is in them. */}}
{{- define "embargo-butler.pipelineConfig" -}}
{{- $ingest := include "embargo-butler.given" .Values.ingest.env | fromJson -}}
pipeline:
  bucket: {{ $ingest.BUCKET | quote }}
  {{- $regexp := .Values.enqueue.env.DATASET_REGEXP }}
  regexp: {{ kindIs "invalid" $regexp | ternary "fits$" $regexp | toJson }}
  examples: {{ .Values.enqueue.examples | toJson }}
  mode: {{ .Values.enqueue.mode }}
  enqueue:
    deployment: {{ include "embargo-butler.fullname" . }}-enqueue
    {{- if eq .Values.enqueue.mode "kafka" }}
    topic: {{ .Values.enqueue.kafka.topic | quote }}
    {{- /* Of a topic that is not declared here nobody knows who else reads it. */}}
    {{- $topic := get (dig "topics" dict (.Values.bucketConfig | default dict)) .Values.enqueue.kafka.topic | default (dict "shared" (list "whoever else reads it")) }}
    readers: {{ $topic.shared | default list | toJson }}
    {{- else }}
    secret: {{ toJson .Values.enqueue.notificationSecret }}
    {{- end }}
  redis:
    service: redis
    port: {{ int64 .Values.redis.service.port }}
    password: {{ toJson .Values.redis.password }}
  ingest:
    deployment: {{ include "embargo-butler.fullname" . }}-{{ .Values.ingest.name }}
    env:
      {{- $profile := printf "LSST_RESOURCES_S3_PROFILE_%s" (splitList "@" $ingest.BUCKET | first) }}
      {{- pick $ingest "S3_ENDPOINT_URL" "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" $profile | toYaml | nindent 6 }}
  presence: {{ .Values.presence.enabled | ternary (printf "%s-presence" (include "embargo-butler.fullname" .)) "" | quote }}
  backfill: {{ .Values.hooks.backfill }}
  maximum: {{ int64 .Values.hooks.reconcile.maximum }}
  byClock: {{ empty (include "embargo-butler.noClock" .) }}
  reconcile: {{ include "embargo-butler.reconcile" . | quote }}
{{- end }}
