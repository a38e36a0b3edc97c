{{/* What holds of every component: its image, pods, Service and Secrets. */}}

{{- /* A sentence about a mistake: one line, so that all can be told at once. */}}
{{- define "embargo-butler.mistake" }}
{{ . | replace "\n" " " }}
{{- end }}

{{- define "embargo-butler.checkRelease" -}}
{{- range $key, $what := dict
      "environment" "give it a name"
      "namespace" "name the namespace that it lives in, and give helm `--namespace` the same"
      "cluster" "say which cluster it lives in: the last word of its API server's URL or, where that has no path, the kube context's name"
      "site" "name the site that the images come from; it is a label of the pods and cannot change later" }}
{{- if not (get $.Values $key) }}
{{- include "embargo-butler.mistake" (printf "`%s` is empty: %s" $key $what) }}
{{- end }}
{{- end }}
{{- if and .Values.namespace (ne .Release.Namespace .Values.namespace) }}
{{- include "embargo-butler.mistake" (printf (print
      "environment %s lives in namespace %s (value `namespace`), this release would go to namespace %s: "
      "give helm `--namespace %s`")
    .Values.environment .Values.namespace .Release.Namespace .Values.namespace) }}
{{- end }}
{{- with .Values.bucketConfig }}
{{- $file := printf "bucket-config/%s.yaml" $.Values.environment }}
{{- if not .environment }}
{{- include "embargo-butler.mistake" (printf (print
      "`bucketConfig.environment` is missing, so nobody knows whose buckets these are: "
      "write `environment: %s` below `bucketConfig:` in %s, or wherever it is given")
    $.Values.environment $file) }}
{{- else if and $.Values.environment (ne .environment $.Values.environment) }}
{{- include "embargo-butler.mistake" (printf (print
      "`bucketConfig.environment` is %s, but `environment` is %s: "
      "give helm `-f values/%s.yaml -f %s`, files of the same environment")
    .environment $.Values.environment $.Values.environment $file) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "embargo-butler.checkComponents" -}}
{{- range $name := list "redis" "enqueue" "ingest" "idle" "presence" }}
{{- $values := get $.Values $name }}
{{- if ne (toString $values.enabled) "false" }}
{{- include "embargo-butler.checkComponent" (dict "root" $ "name" $name "values" $values) }}
{{- with $values.service }}
{{- if not (and (eq $name "enqueue") (eq $.Values.enqueue.mode "kafka")) }}
{{- include "embargo-butler.checkService" (dict "name" $name "service" .) }}
{{- if ne $name "redis" }}
{{- include "embargo-butler.checkGrace" (dict "name" $name "seconds" $values.terminationGracePeriodSeconds) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "embargo-butler.checkComponent" -}}
{{- $name := .name }}
{{- include "embargo-butler.checkImage" . }}
{{- include "embargo-butler.checkTag" . }}
{{- range $variable, $value := .values.env }}
{{- if kindIs "map" $value }}
{{- $at := printf "%s.env.%s" $name $variable }}
{{- include "embargo-butler.checkSecret" (dict "root" $.root "at" $at "ref" $value) }}
{{- end }}
{{- end }}
{{- range $label := list "app" "site" }}
{{- if or (hasKey $.values.podLabels $label) (hasKey $.root.Values.pods.podLabels $label) }}
{{- include "embargo-butler.mistake" (printf (print
      "`podLabels` of %s or of `pods` has %s, which the selector of %s is made of: "
      "take another name")
    $name $label $name) }}
{{- end }}
{{- end }}
{{- if hasKey (merge (dict) .values.podAnnotations $.root.Values.pods.podAnnotations) "embargo-butler/restarted-at" }}
{{- include "embargo-butler.mistake" (printf (print
      "`podAnnotations` of %s or of `pods` has embargo-butler/restarted-at, "
      "which the jobs set when they restart something, so every upgrade would restart it again: leave it out")
    $name) }}
{{- end }}
{{- $volumes := merge (include "embargo-butler.given" .values.volumes | fromJson) (.values.claims | default dict) }}
{{- range $path, $mount := include "embargo-butler.given" .values.volumeMounts | fromJson }}
{{- if not (hasKey $volumes $mount.name) }}
{{- include "embargo-butler.mistake" (printf (print
      "`%s.volumeMounts` has volume %s at %s, which `%s.volumes` does not have: "
      "declare it there")
    $name $mount.name $path $name) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* In production a name means the same image tomorrow: a version, or a digest. A rollback to a tag that moves brings
       another one. */}}
{{- define "embargo-butler.checkImage" -}}
{{- with .values.image }}
{{- $version := regexMatch `^v?[0-9]+\.[0-9]+(\.[0-9]+)?([-+].+)?$` .tag }}
{{- if and $.root.Values.production .tag (not .digest) (not $version) }}
{{- include "embargo-butler.mistake" (printf (print
      "`%s.image.tag` is %s, which is no version and may mean another image tomorrow, but `production` is true: "
      "give `%s.image.digest` too (`make pin ENV=%s` writes it), or a version")
    $.name .tag $.name $.root.Values.environment) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "embargo-butler.checkTag" -}}
{{- if not (or .values.image.tag .values.image.digest) }}
{{- include "embargo-butler.mistake" (printf (print
      "`%s.image.tag` is empty: "
      "say which version of %s this environment runs, or give `%s.image.digest`")
    .name .name .name) }}
{{- end }}
{{- end }}

{{- define "embargo-butler.checkService" -}}
{{- with .service }}
{{- if ne .type "LoadBalancer" }}
{{- if .address }}
{{- include "embargo-butler.mistake" (printf (print
      "`%s.service.address` is %s, but `%s.service.type` is %s: "
      "only a LoadBalancer has an address of its own, so leave one of both out")
    $.name .address $.name .type) }}
{{- end }}
{{- if .sourceRanges }}
{{- include "embargo-butler.mistake" (printf (print
      "`%s.service.sourceRanges` is given, but `%s.service.type` is %s: "
      "only a LoadBalancer is closed to others, so leave one of both out")
    $.name $.name .type) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Is there time left for gunicorn after the sleep of `embargo-butler.http`? */}}
{{- define "embargo-butler.checkGrace" -}}
{{- if le (int .seconds) 5 }}
{{- include "embargo-butler.mistake" (printf (print
      "`%s.terminationGracePeriodSeconds` is %d, of which the pod sleeps for the first 5 "
      "until the Service has forgotten it, so it would be killed with requests open: give more than 5")
    .name (int .seconds)) }}
{{- end }}
{{- end }}

{{- /* Is the Secret that a pod reads made by somebody? */}}
{{- define "embargo-butler.checkSecret" -}}
{{- $secrets := include "embargo-butler.given" .root.Values.secrets | fromJson }}
{{- $existing := include "embargo-butler.given" .root.Values.existingSecrets | fromJson }}
{{- if not (hasKey $existing .ref.secret) }}
{{- if not (hasKey $secrets .ref.secret) }}
{{- include "embargo-butler.mistake" (printf (print
      "`%s` reads Secret %s, which nothing makes: "
      "declare `secrets.%s`, or name it in `existingSecrets` if somebody else makes it")
    .at .ref.secret .ref.secret) }}
{{- else if not (hasKey (get $secrets .ref.secret) .ref.key) }}
{{- include "embargo-butler.mistake" (printf
      "`%s` reads key %s of Secret %s, but `secrets.%s` has only %s"
    .at .ref.key .ref.secret .ref.secret (keys (get $secrets .ref.secret) | sortAlpha | join ", ")) }}
{{- end }}
{{- end }}
{{- end }}
