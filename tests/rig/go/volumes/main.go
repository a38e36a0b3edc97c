// volumes provisions folders below one folder for every storage class that names it as its provisioner.
//
// A claim of many pods (ReadWriteMany) gets a folder of a shared file system: it belongs to the user that the class names, and the
// kubelet gives it to nobody else. One of a single pod gets what a new disk is: root's, until the kubelet gives it to the pod's fsGroup.
package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const name = "rig/volumes"

type folders struct{ root, node string }

func (f folders) path(volume string) string { return filepath.Join(f.root, volume) }

func (f folders) Provision(_ context.Context, options controller.ProvisionOptions) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	path := f.path(options.PVName)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	volume := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   options.PVC.Spec.AccessModes,
			Capacity:                      v1.ResourceList{v1.ResourceStorage: options.PVC.Spec.Resources.Requests[v1.ResourceStorage]},
		},
	}
	if slices.Contains(options.PVC.Spec.AccessModes, v1.ReadWriteMany) {
		user, err := strconv.Atoi(options.StorageClass.Parameters["user"])
		if err != nil {
			return nil, controller.ProvisioningFinished, err
		}
		if err := os.Chown(path, user, user); err != nil {
			return nil, controller.ProvisioningFinished, err
		}
		kind := v1.HostPathDirectory
		volume.Spec.HostPath = &v1.HostPathVolumeSource{Path: path, Type: &kind}
	} else {
		volume.Spec.Local = &v1.LocalVolumeSource{Path: path}
		here := v1.NodeSelectorRequirement{Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{f.node}}
		term := v1.NodeSelectorTerm{MatchExpressions: []v1.NodeSelectorRequirement{here}}
		volume.Spec.NodeAffinity = &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{term}}}
	}
	return volume, controller.ProvisioningFinished, nil
}

func (f folders) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	return os.RemoveAll(f.path(volume.Name))
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the cluster")
	root := flag.String("root", "", "the folder that holds a folder for each volume")
	node := flag.String("node", "", "the node that has it")
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		klog.Fatal(err)
	}
	ctx := context.Background()
	client := kubernetes.NewForConfigOrDie(config)
	controller.NewProvisionController(ctx, client, name, folders{*root, *node}, controller.LeaderElection(false)).Run(ctx)
}
