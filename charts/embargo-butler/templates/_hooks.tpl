{{/* The jobs, and what they are made of. A hook's objects are made with each of its events, and all but a finished Job are removed
     again. What outlives a release's hooks, a CronJob, has such objects without events. */}}

{{- /* Which jobs this release has, and Helm's events of each; one without events is a CronJob, there between releases. As JSON. */}}
{{- define "embargo-butler.jobs" -}}
{{- $jobs := dict }}
{{- if include "embargo-butler.given" .Values.secrets | fromJson }}{{ $_ := set $jobs "secrets" "pre-install,pre-upgrade,pre-rollback" }}{{ end }}
{{- if include "embargo-butler.buckets" . }}{{ $_ := set $jobs "buckets" "post-install,post-upgrade,post-rollback" }}{{ end }}
{{- if eq (include "embargo-butler.settles" .) "settle" }}{{ $_ := set $jobs "settle" "post-install,post-upgrade,post-rollback" }}{{ end }}
{{- if include "embargo-butler.cleansUp" . }}{{ $_ := set $jobs "clean-up" "post-delete" }}{{ end }}
{{- range list "audit" "reconcile" }}
{{- if (get $.Values.hooks .).enabled }}{{ $_ := set $jobs . "" }}{{ end }}
{{- end }}
{{- toJson $jobs }}
{{- end }}

{{- define "embargo-butler.hookName" -}}
{{ include "embargo-butler.fullname" .root }}-{{ .name }}
{{- end }}

{{- /* Name, namespace and labels of a job's object. Takes root and name (of the job); `suffix` to the name, if it has one. */}}
{{- define "embargo-butler.hookMetadata" -}}
name: {{ include "embargo-butler.hookName" . }}{{ .suffix }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "embargo-butler.objectLabels" . | nindent 2 }}
{{- end }}

{{- /* When Helm makes an object, and when it goes. Takes `events`, `weight` (equal ones are made in the order of their names, so each
       kind has one of its own), and `stays` if it is there until its next event. */}}
{{- define "embargo-butler.hookEvents" -}}
helm.sh/hook: {{ .events }}
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation{{ if not .stays }},hook-succeeded{{ end }}
{{- end }}

{{- /* A job of a release. Takes root, name, `events`, `weight` and `arguments` (of the program); `stays` if it is looked at once it has
       succeeded, `rollback` if it belongs to one, where no problem may stop it, and `login` if it logs in to Vault. */}}
{{- define "embargo-butler.hookJob" -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "embargo-butler.hookMetadata" (dict "root" .root "name" .name "suffix" (ternary "-rollback" "" (.rollback | default false))) | nindent 2 }}
  annotations:
    {{- include "embargo-butler.hookEvents" . | nindent 4 }}
    helm.sh/hook-output-log-policy: hook-failed,hook-succeeded
spec:
  {{- $options := ternary (list "--rollback") list (.rollback | default false) }}
  {{- include "embargo-butler.jobSpec" (dict "root" .root "name" .name "arguments" .arguments "options" $options "config" "hooks" "login" .login "again" .rollback) | nindent 2 }}
{{- end }}

{{- /* What a job does. Takes root, name, `arguments`, `options` (which follow the configuration), `config` (the end of its ConfigMap's
       name), `login` if it logs in to Vault, and `again` if it is run again where its pod is killed. */}}
{{- define "embargo-butler.jobSpec" -}}
{{- $hooks := .root.Values.hooks -}}
{{- $token := and .login (has .root.Values.vault.auth.method (list "kubernetes" "jwt")) -}}
{{- $configMap := printf "%s-%s" (include "embargo-butler.fullname" .root) .config -}}
# The program tries again what is worth it, inside a deadline of its own, and says what it waited for; this one is the last resort.
{{- if .again }}
# A rollback's job that is killed would leave the release pending, so it is run again, and has half the time for each run.
backoffLimit: 2
{{- else }}
backoffLimit: 0
{{- end }}
activeDeadlineSeconds: {{ add $hooks.deadlineSeconds 30 }}
{{- /* A wrapped token is spent by the first pod, so that a second one could not log in. */}}
{{- if ne .root.Values.vault.auth.method "wrapped" }}
podFailurePolicy:
  rules:
    - action: Ignore
      onPodConditions:
        - type: DisruptionTarget
          status: "True"
{{- end }}
template:
  {{- $pod := dict "root" .root "name" .name "account" (include "embargo-butler.hookName" .) "token" true "values" $hooks }}
  {{- include "embargo-butler.podMetadata" $pod | nindent 2 }}
  spec:
    {{- include "embargo-butler.pod" $pod | nindent 4 }}
    restartPolicy: Never
    containers:
      - name: {{ .name }}
        {{- include "embargo-butler.container" (dict "root" .root "values" $hooks "tag" .root.Chart.AppVersion) | nindent 8 }}
        # A failure's last lines are in the pod's own description as well.
        terminationMessagePolicy: FallbackToLogsOnError
        # Whoever may write ConfigMaps alone cannot have it work by another configuration, and log in where that says.
        args:
          {{- $declared := printf "%s/%s/%s:%s" .root.Values.environment .root.Release.Namespace $configMap (include "embargo-butler.configText" (dict "root" .root "byHand" (eq .config "config")) | sha256sum) }}
          {{- concat .arguments (list "--config" "/etc/embargo-hooks/config.yaml" "--config-hash" $declared) .options | toYaml | nindent 10 }}
        volumeMounts:
          - name: config
            mountPath: /etc/embargo-hooks
            readOnly: true
          {{- if $token }}
          - name: vault-token
            mountPath: /var/run/secrets/vault
            readOnly: true
          {{- end }}
    volumes:
      - name: config
        configMap:
          name: {{ $configMap }}
      {{- if $token }}
      - name: vault-token
        projected:
          sources:
            - serviceAccountToken:
                audience: {{ .root.Values.vault.auth.audience | quote }}
                expirationSeconds: 600
                path: token
      {{- end }}
{{- end }}

{{- /* The Secret that the jobs log in with, empty where none holds it. That of wrapped tokens is made and removed by the verbs. */}}
{{- define "embargo-butler.loginSecret" -}}
{{- $wrapped := eq .Values.vault.auth.method "wrapped" -}}
{{- .Values.vault.auth.secret.name | default (ternary (printf "%s-wrapped" (include "embargo-butler.fullname" .)) "" $wrapped) -}}
{{- end }}

{{- /* The bucket configuration as far as a reader is to know of it, as JSON: nothing where `hooks.buckets` is off, and byHand for a
       person only; where it is plan, an uninstall writes as little as the other jobs. Takes root, and `byHand` if a person reads it. */}}
{{- define "embargo-butler.bucketsFor" -}}
{{- with .root.Values }}
{{- if and .bucketConfig (has .hooks.buckets (ternary (list "apply" "plan" "byHand") (list "apply" "plan") ($.byHand | default false))) }}
{{- $over := ternary (dict "onUninstall" "keep") dict (eq .hooks.buckets "plan") }}
{{- merge $over .bucketConfig | toJson }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The same for the jobs. */}}
{{- define "embargo-butler.buckets" -}}
{{- include "embargo-butler.bucketsFor" (dict "root" .) }}
{{- end }}

{{- /* What holds Secrets and may be restarted for it, as a YAML list of kinds and names. */}}
{{- define "embargo-butler.workloads" -}}
- StatefulSet redis
{{- range include "embargo-butler.deployments" . | fromYamlArray }}
- Deployment {{ . }}
{{- end }}
{{- end }}

{{- define "embargo-butler.deployments" -}}
{{- $names := list "enqueue" .Values.ingest.name "idle" }}
{{- if and (eq .Values.enqueue.mode "kafka") .Values.enqueue.kafka.drain.topic }}{{ $names = append $names "enqueue-drain" }}{{ end }}
{{- if .Values.presence.enabled }}{{ $names = append $names "presence" }}{{ end }}
{{- if .Values.monitoring.exporter.enabled }}{{ $names = append $names "exporter" }}{{ end }}
{{- range $names }}
- {{ include "embargo-butler.fullname" $ }}-{{ . }}
{{- end }}
{{- end }}

{{- /* Whether something is to be settled after a release, and by which job: the buckets job where there is one that writes. */}}
{{- define "embargo-butler.settles" -}}
{{- $buckets := include "embargo-butler.buckets" . }}
{{- if and $buckets (eq .Values.hooks.buckets "apply") }}buckets{{ else if include "embargo-butler.given" .Values.secrets | fromJson }}settle{{ end }}
{{- end }}

{{- /* Whether an uninstall has something of ours to take away from the object store, and whether anything at all. */}}
{{- define "embargo-butler.retires" -}}
{{- with include "embargo-butler.buckets" . }}{{ if ne (fromJson .).onUninstall "keep" }}yes{{ end }}{{ end }}
{{- end }}

{{- define "embargo-butler.cleansUp" -}}
{{- if or (include "embargo-butler.retires" .) (include "embargo-butler.given" .Values.secrets | fromJson) }}yes{{ end }}
{{- end }}
