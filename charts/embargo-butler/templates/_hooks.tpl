{{/* The jobs. Each is made of objects of its own with every event, and all but a finished Job are removed again. A hook is a dict:
     root, name (of the job), events. What outlives a release's hooks, a CronJob, has the same objects without events. */}}

{{- define "embargo-butler.hookName" -}}
{{ include "embargo-butler.fullname" .root }}-{{ .name }}
{{- end }}

{{- /* Metadata of a hook's object. Takes the hook with `weight`; for Jobs with `suffix` (to the name) and `job` (a failed or finished
       one stays until the next, unless `passing`), for what outlives its events `lasting`, and for a right over Secrets `right`. Equal weights are made in the order of their names, so each kind has one of its own. */}}
{{- define "embargo-butler.hookMetadata" -}}
name: {{ include "embargo-butler.hookName" . }}{{ .suffix }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "embargo-butler.objectLabels" . | nindent 2 }}
  {{- with .right }}
  embargo-butler/secret-right: {{ . }}
  {{- end }}
{{- if .events }}
annotations:
  helm.sh/hook: {{ .events }}
  helm.sh/hook-weight: {{ .weight | quote }}
  helm.sh/hook-delete-policy: before-hook-creation{{ if or .passing (not (or .job .lasting)) }},hook-succeeded{{ end }}
  {{- if .job }}
  helm.sh/hook-output-log-policy: hook-failed,hook-succeeded
  {{- end }}
{{- end }}
{{- end }}

{{- /* ServiceAccount and RoleBinding of a hook; its Role is its own. */}}
{{- define "embargo-butler.hookAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "embargo-butler.hookMetadata" (merge (dict "weight" -30) .) | nindent 2 }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "embargo-butler.hookMetadata" (merge (dict "weight" -15) .) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ include "embargo-butler.hookName" . }}
subjects:
  - kind: ServiceAccount
    name: {{ include "embargo-butler.hookName" . }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}

{{- /* A Job for the hook's own events and another one for a rollback's, which is told so: then no problem may stop it. */}}
{{- define "embargo-butler.hookJobs" -}}
{{ include "embargo-butler.hookJob" . }}
---
{{ include "embargo-butler.hookJob" (merge (dict "events" .rollback "suffix" "-rollback" "arguments" (list "--rollback")) .) }}
{{- end }}

{{- define "embargo-butler.hookJob" -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "embargo-butler.hookMetadata" (merge (dict "job" true) . (dict "weight" 0)) | nindent 2 }}
spec:
  {{- include "embargo-butler.hookJobSpec" . | nindent 2 }}
{{- end }}

{{- /* What a job does. Takes the hook with `command` (a list, `NAME apply` if not given), `arguments` (after it) and `config` (the
       ConfigMap's name after the full name, `hooks` if not given); `offline` if it has no business with Vault. */}}
{{- define "embargo-butler.hookJobSpec" -}}
{{- $hooks := .root.Values.hooks -}}
{{- $token := and (not .offline) (has .root.Values.vault.auth.method (list "kubernetes" "jwt")) -}}
{{- $command := .command | default (list .name "apply") -}}
{{- $configMap := printf "%s-%s" (include "embargo-butler.fullname" .root) (.config | default "hooks") -}}
# The program tries again what is worth it, inside a deadline of its own, and says what it waited for; this one is the last resort.
{{- if eq (toString .suffix) "-rollback" }}
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
  {{- $pod := merge (dict "account" (include "embargo-butler.hookName" .) "token" true "values" $hooks) . }}
  {{- include "embargo-butler.podMetadata" $pod | nindent 2 }}
  spec:
    {{- include "embargo-butler.pod" $pod | nindent 4 }}
    restartPolicy: Never
    containers:
      - name: {{ .name }}
        {{- include "embargo-butler.container" (dict "values" $hooks "tag" .root.Chart.AppVersion) | nindent 8 }}
        # A failure's last lines are in the pod's own description as well.
        terminationMessagePolicy: FallbackToLogsOnError
        # Whoever may write ConfigMaps alone cannot have it work by another configuration, and log in where that says.
        args:
          {{- $declared := printf "%s/%s/%s:%s" .root.Values.environment .root.Release.Namespace $configMap (include "embargo-butler.configText" . | sha256sum) }}
          {{- concat $command (list "--config" "/etc/embargo-hooks/config.yaml" "--config-hash" $declared) (.arguments | default list) | toYaml | nindent 10 }}
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

{{- /* A Role's rule to read what the jobs log in with, where a Secret holds it. */}}
{{- define "embargo-butler.loginRule" -}}
{{- with include "embargo-butler.loginSecret" . }}
# What the login is made with.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ . | quote }}]
  verbs: [get]
{{- end }}
{{- end }}

{{- /* A Role's rules for the Lease that is held while something is written. */}}
{{- define "embargo-butler.leaseRules" -}}
# One writes at a time.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "embargo-butler.fullname" . }}-hooks]
  verbs: [get, update]
{{- end }}

{{- /* Rules to look at what topics are made of, and at the inventory of what was made. */}}
{{- define "embargo-butler.bucketRules" -}}
{{- $fullname := include "embargo-butler.fullname" . -}}
{{- with include "embargo-butler.bucketSecrets" . -}}
# The Secrets that topics and policies are templated with.
- apiGroups: [""]
  resources: [secrets]
  resourceNames:
    {{- . | nindent 4 }}
  verbs: [get]
{{ end -}}
{{- if eq .Values.enqueue.mode "webhook" -}}
# The address that the object store announces to, and whether a pod is ready behind it.
- apiGroups: [""]
  resources: [services]
  resourceNames: [{{ $fullname }}-enqueue]
  verbs: [get]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list]
{{ end -}}
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [{{ $fullname }}-inventory]
  verbs: [get]
{{- end }}

{{- /* Rules to write the inventory, which outlives the release. */}}
{{- define "embargo-butler.inventoryRules" -}}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create]
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [{{ include "embargo-butler.fullname" . }}-inventory]
  verbs: [get, patch]
{{- end }}

{{- /* The bucket configuration as far as the jobs are to know of it, as JSON: nothing where `hooks.buckets` is off, or byHand and
       nobody says so in `byHand`; where it is
       plan, an uninstall writes as little as the other jobs. */}}
{{- define "embargo-butler.buckets" -}}
{{- if and .Values.bucketConfig (has .Values.hooks.buckets (append (list "apply" "plan") (.byHand | default ""))) }}
{{- $over := ternary (dict "onUninstall" "keep") dict (eq .Values.hooks.buckets "plan") }}
{{- merge $over .Values.bucketConfig | toJson }}
{{- end }}
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

{{- /* Rules to see who holds an older secret. */}}
{{- define "embargo-butler.staleRules" -}}
{{- with include "embargo-butler.given" .Values.secrets | fromJson }}
# The age of the values, and who has read them.
- apiGroups: [""]
  resources: [secrets]
  resourceNames:
    {{- toYaml (keys . | sortAlpha) | nindent 4 }}
  verbs: [get]
{{- end }}
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
- apiGroups: [apps]
  resources: [deployments]
  resourceNames:
    {{- include "embargo-butler.deployments" . | nindent 4 }}
  verbs: [get]
- apiGroups: [apps]
  resources: [statefulsets]
  resourceNames: [redis]
  verbs: [get]
# What earlier releases have declared: each has left a Role over its Secrets.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles]
  verbs: [list]
{{- end }}

{{- /* Rules to restart them, and to have Redis forget the password before. What is no longer declared is taken away with the
       rights that earlier releases have left. */}}
{{- define "embargo-butler.settleRules" -}}
{{- include "embargo-butler.staleRules" . }}
{{- if eq .Values.hooks.restart "apply" }}
- apiGroups: [apps]
  resources: [deployments]
  resourceNames:
    {{- include "embargo-butler.deployments" . | nindent 4 }}
  verbs: [patch]
- apiGroups: [apps]
  resources: [statefulsets]
  resourceNames: [redis]
  verbs: [patch]
{{- end }}
{{- $secrets := include "embargo-butler.given" .Values.secrets | fromJson }}
{{- $written := list }}
{{- range list .Values.redis.password.secret .Values.enqueue.notificationSecret.secret }}
{{- if hasKey $secrets . }}{{ $written = append $written . }}{{ end }}
{{- end }}
{{- with $written | uniq | sortAlpha }}
# Redis' password that was is taken out; enqueue's secret changes with its topics.
- apiGroups: [""]
  resources: [secrets]
  resourceNames:
    {{- toYaml . | nindent 4 }}
  verbs: [patch]
{{- end }}
{{- include "embargo-butler.redisRule" . }}
{{- end }}

{{- /* A rule to see whether Redis runs, and so has to be told of a password. */}}
{{- define "embargo-butler.redisRule" }}
- apiGroups: [""]
  resources: [pods]
  resourceNames: [redis-0]
  verbs: [get]
{{- end }}
