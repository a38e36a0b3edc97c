{{/* Rules across fields, which the schema cannot tell: one sentence each, with both fields and what to change. */}}

{{- define "embargo-butler.checks" -}}
{{- if ne .Release.Namespace .Values.namespace }}
{{- fail (printf "environment %s lives in namespace %s (value `namespace`), this release would go to namespace %s: give helm `--namespace %s`" .Values.environment .Values.namespace .Release.Namespace .Values.namespace) }}
{{- end }}

{{- range $component := list "redis" "enqueue" "ingest" "idle" "presence" }}
{{- $values := get $.Values $component }}
{{- if and (ne (toString $values.enabled) "false") (not $values.image.tag) (not $values.image.digest) }}
{{- fail (printf "`%s.image.tag` is empty: say which version of %s this environment runs, or give `%s.image.digest`" $component $component $component) }}
{{- end }}
{{- range $name, $value := $values.env }}
{{- if kindIs "map" $value }}
{{- include "embargo-butler.checkSecret" (dict "root" $ "at" (printf "%s.env.%s" $component $name) "ref" $value) }}
{{- end }}
{{- end }}
{{- end }}

{{- include "embargo-butler.checkSecret" (dict "root" $ "at" "redis.password" "ref" .Values.redis.password) }}
{{- with .Values.enqueue }}
{{- if eq .mode "webhook" }}
{{- include "embargo-butler.checkSecret" (dict "root" $ "at" "enqueue.notificationSecret" "ref" .notificationSecret) }}
{{- end }}
{{- range $name := list "cluster" "topic" }}
{{- $value := get $.Values.enqueue.kafka $name }}
{{- if and (eq $.Values.enqueue.mode "kafka") (not $value) }}
{{- fail (printf "`enqueue.mode` is kafka, but `enqueue.kafka.%s` is empty: say what to consume" $name) }}
{{- else if and (ne $.Values.enqueue.mode "kafka") $value }}
{{- fail (printf "`enqueue.kafka.%s` is %s, but `enqueue.mode` is %s: set the mode to kafka, or leave the former out" $name $value $.Values.enqueue.mode) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $file, $ref := include "embargo-butler.given" .Values.ingest.files | fromJson }}
{{- include "embargo-butler.checkSecret" (dict "root" $ "at" (printf "ingest.files.%s" $file) "ref" $ref) }}
{{- end }}

{{- range $name := list "BUCKET" "BUTLER_REPO" }}
{{- if not (get $.Values.ingest.env $name) }}
{{- fail (printf "`ingest.env.%s` is missing: ingest does not start without it" $name) }}
{{- end }}
{{- end }}

{{- range $component := list "redis" "enqueue" "presence" }}
{{- with (get $.Values $component).service }}
{{- if and .address (ne .type "LoadBalancer") }}
{{- fail (printf "`%s.service.address` is %s, but `%s.service.type` is %s: only a LoadBalancer has an address of its own" $component .address $component .type) }}
{{- end }}
{{- end }}
{{- end }}

{{- $secrets := include "embargo-butler.given" .Values.secrets | fromJson }}
{{- range $name, $_ := include "embargo-butler.given" .Values.existingSecrets | fromJson }}
{{- if hasKey $secrets $name }}
{{- fail (printf "Secret %s is in `secrets` and in `existingSecrets`: it is either copied from Vault or left to somebody else, so leave one of both out" $name) }}
{{- end }}
{{- end }}

{{- include "embargo-butler.checkBuckets" . }}
{{- end }}

{{- /* Is the Secret that a pod reads made by somebody? */}}
{{- define "embargo-butler.checkSecret" -}}
{{- $secrets := include "embargo-butler.given" .root.Values.secrets | fromJson }}
{{- $existing := include "embargo-butler.given" .root.Values.existingSecrets | fromJson }}
{{- if not (hasKey $existing .ref.secret) }}
{{- if not (hasKey $secrets .ref.secret) }}
{{- fail (printf "`%s` reads Secret %s, which nothing makes: declare `secrets.%s`, or name it in `existingSecrets` if somebody else makes it" .at .ref.secret .ref.secret) }}
{{- else if not (hasKey (get $secrets .ref.secret) .ref.key) }}
{{- fail (printf "`%s` reads key %s of Secret %s, but `secrets.%s` has only %s" .at .ref.key .ref.secret .ref.secret (keys (get $secrets .ref.secret) | sortAlpha | join ", ")) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Do the names inside the bucket configuration refer to something? */}}
{{- define "embargo-butler.checkBuckets" -}}
{{- with .Values.bucketConfig }}
{{- $config := . }}
{{- range $name, $owner := .owners }}
{{- if not $owner.path }}
{{- fail (printf "`bucketConfig.owners.%s.path` is not set: name the path in Vault that holds the keys of %s" $name $name) }}
{{- end }}
{{- end }}
{{- range $kind := list "topics" "buckets" }}
{{- range $name, $thing := get $config $kind }}
{{- if not (hasKey $config.owners $thing.owner) }}
{{- fail (printf "`bucketConfig.%s.%s.owner` is %s, which `bucketConfig.owners` does not have: it has %s" $kind $name $thing.owner (keys $config.owners | sortAlpha | join ", ")) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $bucket, $thing := .buckets }}
{{- range $id, $notification := $thing.notifications }}
{{- if not (hasKey ($config.topics | default dict) $notification.topic) }}
{{- fail (printf "`bucketConfig.buckets.%s.notifications.%s.topic` is %s, which `bucketConfig.topics` does not have" $bucket $id $notification.topic) }}
{{- end }}
{{- if has $id ($thing.foreign | default list) }}
{{- fail (printf "notification %s is in `bucketConfig.buckets.%s.notifications` and in its `foreign`: it is either ours or another team's" $id $bucket) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
