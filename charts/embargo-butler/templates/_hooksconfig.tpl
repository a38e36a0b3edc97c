{{- /* What the jobs and the command line read, as YAML; it holds no secret. */}}
{{- define "embargo-butler.hooksConfig" -}}
{{- $secrets := include "embargo-butler.given" .Values.secrets | fromJson }}
{{- $fullname := include "embargo-butler.fullname" . -}}
environment: {{ .Values.environment }}
cluster: {{ .Values.cluster }}
namespace: {{ .Values.namespace }}
fullname: {{ $fullname }}
vault:
  address: {{ .Values.vault.address }}
  mount: {{ .Values.vault.mount }}
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
    mount: {{ .mount | default .method }}
    role: {{ .role | default (printf "embargo-butler-%s" $.Values.environment) }}
    audience: {{ .audience }}
    {{- if .secret.name }}
    secret: {{- pick .secret "name" "token" "roleId" "secretId" | toYaml | nindent 6 }}
    {{- end }}
    {{- end }}
secrets:
  {{- toYaml $secrets | nindent 2 }}
{{- if eq .Values.enqueue.mode "webhook" }}
enqueue:
  service: {{ $fullname }}-enqueue
  port: {{ int64 .Values.enqueue.service.port }}
  address: {{ .Values.enqueue.service.address | default "null" }}
{{- end }}
hooks:
  deadlineSeconds: {{ int64 .Values.hooks.deadlineSeconds }}
  {{- if .Values.hooks.audit.enabled }}
  cronJobs: [audit]
  {{- end }}
  {{- with include "embargo-butler.filled" .Values.hooks.secrets | fromJson }}
  secrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- with include "embargo-butler.buckets" . }}
bucketConfig:
  {{- fromJson . | toYaml | nindent 2 }}
{{- end }}
{{- end }}
